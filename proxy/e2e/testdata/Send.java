import java.util.Properties;
import javax.mail.Message;
import javax.mail.Session;
import javax.mail.Transport;
import javax.mail.internet.InternetAddress;
import javax.mail.internet.MimeMessage;

/** Sends a message with JavaMail: Send PORT PASSWORD RECIPIENT... */
public class Send {
    public static void main(String[] args) throws Exception {
        Properties settings = new Properties();
        settings.put("mail.smtp.auth", "true");
        Session session = Session.getInstance(settings);
        MimeMessage message = new MimeMessage(session);
        message.setFrom("sender@example.com");
        for (int i = 2; i < args.length; i++) {
            message.addRecipient(Message.RecipientType.TO, new InternetAddress(args[i]));
        }
        message.setSubject("Gr\u00fc\u00dfe", "utf-8");
        message.setText("hello\n");
        Transport transport = session.getTransport("smtp");
        transport.connect("127.0.0.1", Integer.parseInt(args[0]), "user@example.com", args[1]);
        try {
            transport.sendMessage(message, message.getAllRecipients());
        } finally {
            transport.close();
        }
    }
}
